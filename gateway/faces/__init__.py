"""How clients speak to the gateway: their bytes to OpenAI's shape and back. Pure."""
