"""The pages of the bridge: what they show as data, and the files that show it."""
