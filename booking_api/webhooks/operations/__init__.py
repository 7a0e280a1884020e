"""The verbs of webhooks: configuring them, telling them, sending again."""
