"""Where definitions come from: local files, git repositories, archives and files on the web."""
