"""Whether the files of an image can run on the platform that its manifest says."""
