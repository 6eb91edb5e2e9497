"""One lead from the ad to the payment, and what everybody says about it afterwards (design 6, `--once`)."""
