#!/bin/sh
# Writes deploy/compose.env (passwords, mode 600) and deploy/compose-keys/ once. Needs the .venv of `make`.
set -eu
cd "$(dirname "$0")/.."
umask 077
if [ ! -e deploy/compose.env ]; then
  for name in POSTGRES IDENTITY DOMAINS HOSTING BILLING TICKETS RABBITMQ POWERDNS; do
    echo "${name}_PASSWORD=$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(24))')"
  done > deploy/compose.env.new
  # RFC 5730 allows 16 characters.
  echo "EPP_PASSWORD=$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(12))')" >> deploy/compose.env.new
  mv deploy/compose.env.new deploy/compose.env
fi
mkdir -p deploy/compose-keys
PYTHONPATH=. .venv/bin/python -c '
from pathlib import Path
from deploy.parts.secrets import actor_keys, sealing_keys
actor_keys(Path("deploy/compose-keys"))
sealing_keys(Path("deploy/compose-keys"))
sealing_keys(Path("deploy/compose-keys"), "domains")'
# The containers run as uid 10001, which is nobody here.
run=""
[ "$(id -u)" = 0 ] || run=sudo
# The sandbox registries, as domains is told of them; put your own registries here.
registries=deploy/compose-keys/registries.json
if [ -e "$registries" ] && $run grep -q '"name": "sandbox", "tlds": \["hu",' "$registries"; then
  # Ours of before .hu had a registry of its own; kept, for what somebody may have added.
  mv "$registries" "$registries.old"
fi
if [ ! -e "$registries" ]; then
  . deploy/compose.env
  cat > "$registries" <<END
[{"name": "sandbox-hu", "tlds": ["hu"], "host": "registry-hu", "server_name": "localhost",
  "port": 7700, "registrar": "portico", "password": "$EPP_PASSWORD", "ca_file": "/registry-hu/ca.pem", "poll_seconds": 1},
 {"name": "sandbox", "tlds": ["com", "net", "org", "eu", "info", "dev"], "host": "registry", "server_name": "localhost",
  "port": 7700, "registrar": "portico", "password": "$EPP_PASSWORD", "ca_file": "/registry/ca.pem", "poll_seconds": 1}]
END
fi
chmod 711 deploy/compose-keys
chmod 644 deploy/compose-keys/actor_public.json
# Whoever reads the private key can be anybody: it, the sealing keys and the registries' passwords belong to that uid alone.
$run chown 10001 deploy/compose-keys/actor_key.pem deploy/compose-keys/sealing_keys \
  deploy/compose-keys/domains_sealing_keys deploy/compose-keys/registries.json
echo "Ready: docker compose --env-file deploy/compose.env -f deploy/compose.yaml up --build"
