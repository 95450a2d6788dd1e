"""The pages that the gateway serves itself, a module each, in Hungarian and English."""
