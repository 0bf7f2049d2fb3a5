"""What can be measured: one folder for each kind of target, behind one protocol."""
