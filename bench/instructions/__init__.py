"""What a call costs in CPU instructions, counted by valgrind's callgrind: no clock has a say."""
