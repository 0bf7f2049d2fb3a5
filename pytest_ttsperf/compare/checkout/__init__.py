"""What git does not lay into a worktree by itself: submodules, large files, files it ignores."""
