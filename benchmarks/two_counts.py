"""The stream app with only the counts of its baselines: by user and by type. See stream.py.

python -m benchmarks.two_counts
"""

from stream_app.__main__ import main
from stream_app.state.dimensions import Dimensions

if __name__ == "__main__":
    main(Dimensions(()))
