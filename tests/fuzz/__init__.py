"""Both surfaces, and the stages behind them, under what no client in its right mind sends."""
