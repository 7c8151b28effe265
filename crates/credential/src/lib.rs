//! What credential sources share: secret values from the environment, files and commands.
