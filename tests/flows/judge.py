class Judge:
    def __init__(self, world): self.world=world
    def mistakes(self):
        return []
