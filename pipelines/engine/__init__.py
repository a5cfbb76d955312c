"""How stages are worked: plan, units, workers, seal. Knows neither DVC nor Prefect."""
