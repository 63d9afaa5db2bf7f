//! What a model request cost, in tokens and dollars.

use serde::{Deserialize, Serialize};

/// Tokens and cost of one model request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Usage {
    /// Prompt tokens that were not read from a cache.
    pub input: u64,
    /// Tokens the model wrote, thinking included.
    pub output: u64,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: u64,
    /// All of the above.
    pub total_tokens: u64,
    /// US dollars, by the configured prices.
    pub cost: Cost,
}

/// US dollars of one model request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cost {
    /// For [`Usage::input`].
    pub input: f64,
    /// For [`Usage::output`].
    pub output: f64,
    /// For [`Usage::cache_read`].
    pub cache_read: f64,
    /// For [`Usage::cache_write`].
    pub cache_write: f64,
    /// Sum of the above.
    pub total: f64,
}

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Prices {
    /// Prompt tokens.
    pub input: f64,
    /// Tokens the model writes.
    pub output: f64,
    /// Prompt tokens read from a cache.
    pub cache_read: f64,
    /// Prompt tokens written to a cache.
    pub cache_write: f64,
}

impl Usage {
    /// Fills the total and the cost from the token counts.
    #[must_use]
    pub fn priced(mut self, prices: &Prices) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "token counts stay far below 2^52")]
        let dollars = |tokens: u64, price: f64| tokens as f64 * price / 1_000_000.0;
        self.total_tokens = self.input + self.output + self.cache_read + self.cache_write;
        self.cost = Cost {
            input: dollars(self.input, prices.input),
            output: dollars(self.output, prices.output),
            cache_read: dollars(self.cache_read, prices.cache_read),
            cache_write: dollars(self.cache_write, prices.cache_write),
            total: 0.0,
        };
        self.cost.total =
            self.cost.input + self.cost.output + self.cost.cache_read + self.cost.cache_write;
        self
    }

    /// Tokens that filled the model's context in this request.
    pub fn context_tokens(&self) -> u64 {
        self.input + self.cache_read + self.cache_write + self.output
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.total_tokens += other.total_tokens;
        self.cost.input += other.cost.input;
        self.cost.output += other.cost.output;
        self.cost.cache_read += other.cost.cache_read;
        self.cost.cache_write += other.cost.cache_write;
        self.cost.total += other.cost.total;
    }
}
