"""How the pipeline is: how far its readers are behind, what died, what the last audit said."""
