"""The commands of `bakex image`, one a module, each imported only when it runs."""
