"""The example customers of a fresh installation: `python -m deploy.demo`, once; a repeat changes nothing."""
