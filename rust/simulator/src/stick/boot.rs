//! Switching on, resetting, forming a network.

use adapters::znp::commands;
use zigbee::{IeeeAddress, NwkAddress};

use super::layout::{self, Nib};
use super::network::Event;
use super::nv::{Nv, ZSTACK, id};
use super::security::COUNTERS;
use super::{Ram, Stick};

/// Entries in the table of unhashed link keys.
const LINK_KEYS: u16 = 30;

impl Stick {
    /// Makes sure that every item exists that the firmware creates at start.
    pub(super) fn boot(&mut self) {
        let options = self.nv.byte(id::STARTUP_OPTION);
        if options & 0x02 != 0 {
            self.clear_state();
        }
        if options & 0x01 != 0 {
            self.clear_config();
        }
        let nv = &mut self.nv;
        nv.set_item(id::STARTUP_OPTION, vec![0]);
        let boots = nv.array(id::BOOTCOUNTER).map_or(0, u16::from_le_bytes);
        nv.set_item(
            id::BOOTCOUNTER,
            boots.wrapping_add(1).to_le_bytes().to_vec(),
        );
        let ieee = self.ieee;
        nv.default_item(id::EXTADDR, || ieee.0.to_le_bytes().to_vec());
        let aligned = self.firmware.aligned();
        nv.default_item(id::NIB, || Nib::unformed().emit(aligned));
        nv.default_item(id::PANID, || vec![0xff, 0xff]);
        nv.default_item(id::CHANLIST, || 0x0000_0800_u32.to_le_bytes().to_vec());
        nv.default_item(id::EXTENDED_PAN_ID, || vec![0; 8]);
        nv.default_item(id::APS_USE_EXT_PANID, || vec![0; 8]);
        nv.default_item(id::LOGICAL_TYPE, || vec![0]);
        nv.default_item(id::ZDO_DIRECT_CB, || vec![0]);
        nv.default_item(id::PRECFGKEYS_ENABLE, || vec![0]);
        let key: [u8; 16] = self.random.bytes();
        nv.default_item(id::PRECFGKEY, || key.to_vec());
        nv.default_item(id::NWKKEY, || layout::active_key(aligned, &[0; 16], 0));
        // Settings that hosts read back: concentrator, route expiry, child ageing, broadcast time,
        // stack profile, poll rates, security level, scan duration.
        for (item, value) in [
            (0x002a_u16, vec![2_u8]),
            (0x002b, vec![7]),
            (0x002e, vec![2]),
            (0x002f, vec![5]),
            (0x0030, vec![30]),
            (0x0032, vec![1]),
            (0x0033, vec![120]),
            (0x0034, vec![10]),
            (0x0036, vec![1]),
            (0x0038, vec![255]),
            (0x0039, vec![13]),
            (0x003e, vec![0]),
            (0x0061, vec![5]),
            (0x0086, vec![4]),
        ] {
            nv.default_item(item, || value);
        }
        self.tables();
    }

    /// The tables, empty where they do not exist.
    fn tables(&mut self) {
        let aligned = self.firmware.aligned();
        let nobody = layout::address(
            aligned,
            self.firmware.unused_address(),
            NwkAddress(0xffff),
            IeeeAddress::UNKNOWN,
        );
        let no_key = layout::link_key(aligned, IeeeAddress(0), 0xff, 0);
        let no_counter = layout::security_material(0, [0; 8]);
        let size = self.table_size;
        let link_key_width: u16 = if aligned { 6 } else { 5 };
        let nv = &mut self.nv;
        nv.default_item(id::APS_LINK_KEY_TABLE, || {
            vec![0; 2 + usize::from(LINK_KEYS * link_key_width)]
        });
        if !self.firmware.bdb() {
            nv.default_item(id::ADDRMGR, || nobody.repeat(size.into()));
            let mut default_key = vec![0xff; 8];
            default_key.extend(b"ZigBeeAlliance09");
            default_key.extend([0; 8]);
            nv.default_item(id::TCLK_SEED, || default_key);
            return;
        }
        let seed: [u8; 16] = self.random.bytes();
        nv.default_item(id::TCLK_SEED, || seed.to_vec());
        nv.default_item(id::BDB_ON_NETWORK, || vec![0]);
        nv.default_item(id::ACTIVE_KEY, || layout::key_descriptor(0, &[0; 16]));
        nv.default_item(id::ALTERNATE_KEY, || layout::key_descriptor(0, &[0; 16]));
        let fill = |nv: &mut Nv, key, value: &[u8]| {
            if nv.length(key) == 0 {
                nv.set(key, value.to_vec());
            }
        };
        if self.firmware.extended_nv() {
            for entry in 0..size {
                fill(nv, (ZSTACK, id::EX_ADDRMGR, entry), &nobody);
                fill(nv, (ZSTACK, id::EX_TCLK, entry), &no_key);
            }
            for entry in 0..LINK_KEYS {
                fill(nv, (ZSTACK, id::EX_APS_KEY_DATA, entry), &[0; 24]);
            }
            for entry in 0..COUNTERS {
                fill(nv, (ZSTACK, id::EX_SECURITY_MATERIAL, entry), &no_counter);
            }
        } else {
            nv.default_item(id::ADDRMGR, || nobody.repeat(size.into()));
            for entry in 0..size.min(239) {
                fill(nv, Nv::legacy(id::TCLK_LEGACY + entry), &no_key);
            }
            for entry in 0..LINK_KEYS {
                fill(nv, Nv::legacy(id::APS_KEY_DATA_LEGACY + entry), &[0; 24]);
            }
            for entry in 0..COUNTERS {
                fill(
                    nv,
                    Nv::legacy(id::SECURITY_MATERIAL_LEGACY + entry),
                    &no_counter,
                );
            }
        }
    }

    /// `STARTUP_OPTION` bit 1: the network is forgotten.
    fn clear_state(&mut self) {
        let size = self.table_size;
        let nv = &mut self.nv;
        for item in [
            id::NIB,
            id::ADDRMGR,
            id::ACTIVE_KEY,
            id::ALTERNATE_KEY,
            id::NWKKEY,
            id::BDB_ON_NETWORK,
            id::APS_LINK_KEY_TABLE,
        ] {
            nv.remove(Nv::legacy(item));
        }
        if self.firmware.bdb() {
            nv.remove(Nv::legacy(id::TCLK_SEED));
        }
        for entry in 0..size.max(255) {
            for item in [
                id::EX_ADDRMGR,
                id::EX_TCLK,
                id::EX_APS_KEY_DATA,
                id::EX_SECURITY_MATERIAL,
            ] {
                nv.remove((ZSTACK, item, entry));
            }
        }
        for item in (id::TCLK_LEGACY..=0x02ff)
            .chain(id::SECURITY_MATERIAL_LEGACY..id::SECURITY_MATERIAL_LEGACY + COUNTERS)
        {
            nv.remove(Nv::legacy(item));
        }
    }

    /// `STARTUP_OPTION` bit 0: settings fall back to the firmware's.
    fn clear_config(&mut self) {
        for item in [
            id::PANID,
            id::CHANLIST,
            id::EXTENDED_PAN_ID,
            id::APS_USE_EXT_PANID,
            id::PRECFGKEY,
            id::PRECFGKEYS_ENABLE,
            id::LOGICAL_TYPE,
            id::ZDO_DIRECT_CB,
        ] {
            self.nv.remove(Nv::legacy(item));
        }
    }

    /// Resets the chip: what is in RAM is lost.
    pub(super) fn restart(&mut self, reason: u8) {
        self.ram = Ram::default();
        self.answers = 0;
        self.schedule
            .retain(|event| matches!(event, Event::Device(_)));
        self.boot();
        self.later(self.timing.reset, Event::Booted(reason));
    }

    pub(super) fn booted(&mut self, reason: u8) {
        let [major, minor, maintenance] = self.firmware.release();
        let product = self.firmware.product();
        self.tell(
            commands::sys::RESET_IND,
            &[reason, 2, product, major, minor, maintenance],
        );
    }

    pub(super) fn nib(&self) -> Nib {
        self.nv
            .item(id::NIB)
            .and_then(|item| Nib::parse(item, self.firmware.aligned()))
            .unwrap_or_else(Nib::unformed)
    }

    pub(super) fn set_nib(&mut self, nib: &Nib) {
        self.nv.set_item(id::NIB, nib.emit(self.firmware.aligned()));
    }

    /// The coordinator's own address, which hosts may overwrite.
    pub(super) fn own_ieee(&self) -> IeeeAddress {
        self.nv
            .array(id::EXTADDR)
            .map_or(self.ieee, |bytes| IeeeAddress(u64::from_le_bytes(bytes)))
    }

    pub(super) fn is_formed(&self) -> bool {
        self.nib().is_formed() && (!self.firmware.bdb() || self.nv.byte(id::BDB_ON_NETWORK) == 1)
    }

    /// Forms a network as the items say.
    pub(super) fn form(&mut self) {
        let ieee = self.own_ieee().0.to_le_bytes();
        let pan = self.nv.array(id::PANID).map_or(0xffff, u16::from_le_bytes);
        let pan_id = if pan >= 0xfffe {
            // A PAN id of the stick's own choice, never 0xffff.
            u16::try_from(self.random.below(0xfffd) + 1).unwrap_or(0x1a62)
        } else {
            pan
        };
        let listed = self.nv.array(id::CHANLIST).map_or(0, u32::from_le_bytes);
        let channels = match (self.firmware.bdb(), self.ram.channels) {
            (true, Some(mask)) => mask,
            _ => listed,
        } & 0x07ff_f800;
        let channel = if channels == 0 {
            11
        } else {
            channels.trailing_zeros()
        };
        let wanted = [id::EXTENDED_PAN_ID, id::APS_USE_EXT_PANID]
            .into_iter()
            .filter_map(|item| self.nv.array::<8>(item))
            .find(|bytes| *bytes != [0; 8] && *bytes != [0xff; 8]);
        let extended_pan_id = wanted.unwrap_or(ieee);
        let key = self
            .nv
            .array::<16>(id::PRECFGKEY)
            .filter(|key| *key != [0; 16] && *key != [0xff; 16])
            .unwrap_or_else(|| self.random.bytes());
        self.install(
            &Nib {
                device_address: 0,
                // 11 to 26: the mask has no other bits.
                channel: u8::try_from(channel).unwrap_or(11),
                coordinator: ieee,
                pan_id,
                channels: if channels == 0 { 0x0800 } else { channels },
                extended_pan_id,
                key_loaded: true,
                ..Nib::unformed()
            },
            &key,
            0,
        );
    }

    /// Writes everything that makes the stick a member of a network.
    pub(super) fn install(&mut self, nib: &Nib, key: &[u8; 16], counter: u32) {
        let aligned = self.firmware.aligned();
        self.set_nib(nib);
        let active = layout::active_key(aligned, key, counter);
        self.nv.set_item(id::NWKKEY, active);
        let descriptor = layout::key_descriptor(0, key);
        self.nv.set_item(id::ACTIVE_KEY, descriptor.clone());
        self.nv.set_item(id::ALTERNATE_KEY, descriptor);
        if self.firmware.bdb() {
            self.nv.set_item(id::BDB_ON_NETWORK, vec![1]);
        }
        self.store_counter(counter);
    }

    /// Starts the network. Gives `startupFromApp`'s status: 0 restored, 1 new.
    pub(super) fn start(&mut self) -> u8 {
        let restored = self.is_formed();
        if restored {
            self.restore_counter();
        } else {
            self.form();
        }
        self.later(self.timing.start, Event::State(8));
        self.later(self.timing.start, Event::State(9));
        u8::from(!restored)
    }

    pub(super) fn set_state(&mut self, state: u8) {
        self.ram.state = state;
        self.tell(commands::zdo::STATE_CHANGE_IND, &[state]);
        if state == 9 {
            self.learn_members();
        }
    }
}
