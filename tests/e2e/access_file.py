"""The parts of an access.toml, as text."""


def listed(words):
    return ", ".join(f'"{word}"' for word in words)


def user(name, key, *roles):
    return f'[[user]]\nname = "{name}"\nkeys = ["{key}"]\nroles = [{listed(roles)}]\n'


def target(name, port, host_key, more=""):
    """Returns a target on loopback; `more` are further lines of it."""
    return (f'[[target]]\nname = "{name}"\naddress = "127.0.0.1:{port}"\n'
            f'host_keys = ["{host_key}"]\n{more}')


def role(name, targets, logins, allow):
    return (f'[[role]]\nname = "{name}"\ntargets = [{listed(targets)}]\n'
            f'logins = [{listed(logins)}]\nallow = [{listed(allow)}]\n')
