"""Reading logs: where lines come from, what each line says, and the templates behind them."""
