"""What live page and history draw alike: panels, charts, times, exports."""
