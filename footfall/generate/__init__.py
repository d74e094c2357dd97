"""Files that are made from the code and the contract, and checked in: nobody edits them."""
