"""What the client serves to BuildKit during a build."""
