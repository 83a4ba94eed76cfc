"""Residents' repair requests: taking them, telling the resident, forgetting who it was."""
