"""Everything that knows mitmproxy, besides addon.py."""
