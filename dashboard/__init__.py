"""The dashboard: the live page, the history page, and the JSON and event stream behind them."""
