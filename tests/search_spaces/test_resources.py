import pytest

from search_spaces.sweep import Resources


@pytest.mark.parametrize(
    ("values", "told"), [({"workers": 0}, "at least 1"), ({"workers": 2, "gpus": 0.5}, "--set resources/gpus=1")]
)
def test_resources_that_no_group_of_workers_can_have_are_refused(values: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Resources(**values)  # type: ignore[arg-type]


def test_a_worker_alone_may_share_a_gpu_and_those_of_a_group_have_one_each() -> None:
    assert Resources(gpus=0.5).workers == 1
    assert Resources(gpus=1, workers=4).workers == 4
