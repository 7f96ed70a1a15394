"""How a service is built for each runtime."""
