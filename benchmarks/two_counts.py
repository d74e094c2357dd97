"""The stream app with no more than the counts of its baselines: by user and by type. See stream.py.

python -m benchmarks.two_counts
"""

from stream_app.state import dimensions

if __name__ == "__main__":
    dimensions.COMMON = dimensions.OWN = ()
    dimensions.ALL = (dimensions.EVENTS, dimensions.LATE, dimensions.DUPLICATES, dimensions.REJECTED)
    dimensions.COLUMNS = dimensions.Columns(("event_type",), {})

    from stream_app.__main__ import main

    main()
