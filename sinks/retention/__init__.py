"""The life of a day: its state, partitions, roll-ups and packed form, and the rounds that maintain them."""
