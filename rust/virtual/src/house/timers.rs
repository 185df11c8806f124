//! Durable timers and values of whoever runs automations: the hub keeps them, and the disk.

use bridge::core::CoreInput;
use hub::durable::Quota;
use hub::{DurableChange, DurableRows, TimerDue};

use super::{House, HouseError};

impl House {
    /// All timers and values that are kept. Timers are told from then on, those told before again.
    pub fn load_timers(&mut self) -> Result<DurableRows, HouseError> {
        self.around.due.clear();
        self.tell(CoreInput::ListenToTimers);
        let bridge = self.bridge.as_ref().ok_or(HouseError::Dead)?;
        let rows = bridge.core.hub().durable();
        self.timers = Some(Quota::of(&rows));
        Ok(rows)
    }

    /// Makes changes, in order, all of them or none. They are on the disk then.
    pub fn commit(&mut self, changes: Vec<DurableChange>) -> Result<(), HouseError> {
        // The hub has a quota too, but its refusal comes too late to be told.
        let quota = self.timers.as_mut().ok_or(HouseError::Dead)?;
        quota.admit(&changes)?;
        for change in &changes {
            if let DurableChange::PutTimer(hub::DurableTimer { owner, id, .. })
            | DurableChange::RemoveTimer { owner, id } = change
            {
                // One that was due and not taken is put anew, or is no more.
                let is_other = |due: &TimerDue| due.timer.owner != *owner || due.timer.id != *id;
                self.around.due.retain(is_other);
            }
        }
        self.tell(CoreInput::Durable(changes));
        Ok(())
    }

    /// True once after a timer has become due: there is something to take.
    pub fn has_rung(&mut self) -> bool {
        std::mem::take(&mut self.around.rung)
    }

    /// The timers that are due and were not taken.
    pub fn take_due(&mut self) -> Vec<TimerDue> {
        std::mem::take(&mut self.around.due)
    }
}
