package spacelift

# A git push policy for Spacelift, printed by `countersign policy spacelift-push`.
# Attached to a stack it has the stack ignore every push: runs are signed and
# triggered elsewhere, and a worker denies those that are not signed.
ignore := true
