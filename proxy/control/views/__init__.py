"""What people and metrics are shown of the control plane and its routes."""
