"""LLM Bridge: apps speak one LLM protocol, upstreams another; this package stands between."""
