"""Several processes that train one network together, each on its part of every batch; torch.distributed and nothing else."""

from trainables.data_parallel.batch_norm import synchronise
from trainables.data_parallel.group import ALONE, Group, WorkerLost
from trainables.data_parallel.messages import receive, send, share_state, share_tensors

__all__ = ["ALONE", "Group", "WorkerLost", "receive", "send", "share_state", "share_tensors", "synchronise"]
