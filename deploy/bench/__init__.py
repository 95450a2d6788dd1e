"""What the running stack costs, each number beside a floor from the same minute: `python -m deploy.bench`."""
