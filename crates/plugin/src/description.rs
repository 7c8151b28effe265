//! Descriptions of plugins, as their crates register them.

/// The description of a plugin: printed by `longshore plugins NAME`, and the source of the defaults that come with it. The
/// setters are chained behind `Plugins::add_…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its purpose, in a sentence.
    pub summary: &'static str,
    /// Its options.
    pub options: Vec<OptionDescription>,
    /// The host of a credential source whose registry is always the same: `ghcr.io`.
    pub host: Option<&'static str>,
    /// The document that describes it further, as a path below `docs/`.
    pub document: Option<&'static str>,
}

/// The description of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionDescription {
    /// Its key below the plugin's table.
    pub name: &'static str,
    /// Its meaning, its default included, in a few words.
    pub meaning: &'static str,
}

impl Description {
    /// Sets the purpose.
    pub const fn summary(&mut self, summary: &'static str) -> &mut Self {
        self.summary = summary;
        self
    }

    /// Sets the options, each a name and its meaning.
    pub fn options(&mut self, options: &[(&'static str, &'static str)]) -> &mut Self {
        self.options = options.iter().map(|&(name, meaning)| OptionDescription { name, meaning }).collect();
        self
    }

    /// Sets the host that a credential source implies: registries that use it need not name one.
    pub const fn host(&mut self, host: &'static str) -> &mut Self {
        self.host = Some(host);
        self
    }

    /// Sets the document that describes it further.
    pub const fn document(&mut self, document: &'static str) -> &mut Self {
        self.document = Some(document);
        self
    }

    /// Makes the forms of tokens known that begin with these texts: they are hidden in everything that is shown, and
    /// refused where a text must not be secret. Known from now on, in the whole process.
    pub fn token_prefixes(&mut self, prefixes: &[&'static str]) -> &mut Self {
        longshore_model::add_token_prefixes(prefixes);
        self
    }
}
