"""OAuth 2.1 and OpenID Connect for apps: the protocol, on authlib. Identity decides and mints."""
