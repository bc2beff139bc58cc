"""What a person looks at: the conversation, both wires, the stream; pure, from a call's record."""
