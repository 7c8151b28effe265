//! The times of a lock.

use std::time::Duration;

use longshore_model::LockState;

/// The times of a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The time that a holder is left alone after its last sign of life.
    pub(crate) lease: Duration,
    /// The interval between a holder's renewals of its lease.
    pub(crate) renew: Duration,
    /// How long before the end of its lease a holder sends nothing more: time for what it has sent to take effect.
    pub(crate) margin: Duration,
    /// The time limit for one renewal before it is tried again.
    pub(crate) patience: Duration,
    /// The longest interval between a challenger's looks.
    pub(crate) poll: Duration,
    /// The wait of a run that took over from a holder before it looks again. Reads may be out of date by half of it.
    pub(crate) settle: Duration,
    /// The largest difference between this machine's wall clock and AWS's.
    pub(crate) skew: Duration,
    /// How far the clocks of AWS's hosts may be from each other: the one that dated a version, and the one that dated an
    /// answer.
    pub(crate) hosts: Duration,
}

impl Timing {
    /// With AWS. A clock that is more than five minutes off signs requests that AWS refuses (IAM user guide, "Elements of
    /// an AWS API request signature"). Its own hosts are kept within fractions of a second of each other.
    pub(crate) const AWS: Self = Self {
        lease: Duration::from_secs(60),
        renew: Duration::from_secs(15),
        margin: Duration::from_secs(15),
        patience: Duration::from_secs(10),
        poll: Duration::from_secs(3),
        settle: Duration::from_secs(2),
        skew: Duration::from_secs(300),
        hosts: Duration::from_secs(LockState::CLOCKS_DIFFER),
    };

    /// Returns the time in which a holder may send after the request that renewed its lease.
    pub(crate) const fn open(&self) -> Duration {
        self.lease.saturating_sub(self.margin)
    }

    /// Returns the time in which a holder tries to renew its lease, while it changes nothing.
    pub(crate) const fn last_attempt(&self) -> Duration {
        self.lease.saturating_mul(2)
    }
}
