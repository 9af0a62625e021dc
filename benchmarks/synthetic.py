"""How many synthetic radiographs one core draws in a second."""

import time

from trainables.data.synthetic import synthesize


def images_per_second(size: int = 128, seconds: float = 2.0) -> float:
    """Return the radiographs drawn per second of this process's CPU time.

    Args:
        size: Pixels along a side.
        seconds: CPU time to measure for, after a short warm-up.
    """
    for index in range(8):
        synthesize(index, size=size)
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        synthesize(count, size=size)
        count += 1
    return count / spent


def main() -> None:
    """Print the rate at the sizes in use."""
    for size in (64, 128, 256):
        print(f"{size:4d} px: {images_per_second(size):7.0f} images/s per core")


if __name__ == "__main__":
    main()
