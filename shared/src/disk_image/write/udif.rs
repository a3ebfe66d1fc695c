//! Writes a disk as blocks of a `.dmg`, with the list and the trailer behind them.

use super::Coding;
use bzip2::{Compression as BzLevel, write::BzEncoder};
use flate2::{Compression, Crc, write::ZlibEncoder};
use lzma_rust2::{XzOptions, XzWriter};
use plist::{Dictionary, Value};
use std::io::{self, Write};

const SECTOR: u64 = 512;
/// What `hdiutil` puts into one block, in sectors.
const SECTORS: u64 = 1024;
const BLOCK: usize = (SECTORS * SECTOR) as usize;

/// Takes the bytes of a disk, whose number must be a multiple of a sector's.
pub(super) struct BlockWriter<'a> {
    out: &'a mut dyn Write,
    coding: Coding,
    block: Vec<u8>,
    /// The table of blocks.
    table: Vec<u8>,
    blocks: u32,
    sectors: u64,
    stored: u64,
    disk_crc: Crc,
    stored_crc: Crc,
}

impl<'a> BlockWriter<'a> {
    pub(super) fn new(out: &'a mut dyn Write, coding: Coding) -> Self {
        let (block, table, disk_crc, stored_crc) = (Vec::new(), Vec::new(), Crc::new(), Crc::new());
        Self { out, coding, block, table, blocks: 0, sectors: 0, stored: 0, disk_crc, stored_crc }
    }

    /// Writes what is behind the blocks.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close_block()?;
        self.entry(0xffff_ffff, 0, 0);
        let list = self.list();
        let mut text = Vec::new();
        list.to_writer_xml(&mut text).map_err(io::Error::other)?;
        self.out.write_all(&text)?;
        let trailer = self.trailer(text.len() as u64);
        self.out.write_all(&trailer)
    }

    fn close_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::take(&mut self.block);
        self.disk_crc.update(&block);
        let sectors = block.len() as u64 / SECTOR;
        if block.iter().all(|byte| *byte == 0) {
            self.entry(kind(Coding::Zero), sectors, 0);
        } else {
            let stored = encode(self.coding, &block)?;
            self.stored_crc.update(&stored);
            self.out.write_all(&stored)?;
            self.entry(kind(self.coding), sectors, stored.len() as u64);
        }
        Ok(())
    }

    /// A line of the table: kind, comment, first sector and number of sectors, place and length in the file.
    fn entry(&mut self, kind: u32, sectors: u64, length: u64) {
        self.table.extend(kind.to_be_bytes());
        self.table.extend([0; 4]);
        for number in [self.sectors, sectors, self.stored, length] {
            self.table.extend(number.to_be_bytes());
        }
        self.blocks += 1;
        self.sectors += sectors;
        self.stored += length;
    }

    fn list(&self) -> Value {
        let mut table = b"mish\0\0\0\x01".to_vec();
        table.extend(0u64.to_be_bytes());
        table.extend(self.sectors.to_be_bytes());
        table.extend(0u64.to_be_bytes());
        table.extend((SECTORS as u32 + 8).to_be_bytes());
        // Not a partition, the whole disk.
        table.extend(0xffff_fffe_u32.to_be_bytes());
        table.extend([0; 24]);
        table.extend(checksum(self.disk_crc.sum()));
        table.extend(self.blocks.to_be_bytes());
        table.extend(&self.table);
        let name = "whole disk (Apple_HFSX : 0)";
        let text = |text: &str| Value::String(text.to_owned());
        let part = Dictionary::from_iter([
            ("Attributes", text("0x0050")),
            ("CFName", text(name)),
            ("Data", Value::Data(table)),
            ("ID", text("0")),
            ("Name", text(name)),
        ]);
        let parts = Dictionary::from_iter([("blkx", Value::Array(vec![Value::Dictionary(part)]))]);
        Value::Dictionary(Dictionary::from_iter([("resource-fork", Value::Dictionary(parts))]))
    }

    fn trailer(&self, list: u64) -> Vec<u8> {
        let mut trailer = b"koly\0\0\0\x04\0\0\x02\0\0\0\0\x01".to_vec();
        for number in [0, 0, self.stored, 0, 0] {
            trailer.extend(number.to_be_bytes());
        }
        // The first segment of one, without a number that ties segments together.
        trailer.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        trailer.extend([0; 16]);
        trailer.extend(checksum(self.stored_crc.sum()));
        trailer.extend(self.stored.to_be_bytes());
        trailer.extend(list.to_be_bytes());
        trailer.extend([0; 120]);
        // The checksum of the checksums of all parts.
        let mut all = Crc::new();
        all.update(&self.disk_crc.sum().to_be_bytes());
        trailer.extend(checksum(all.sum()));
        trailer.extend(1u32.to_be_bytes());
        trailer.extend(self.sectors.to_be_bytes());
        trailer.extend([0; 12]);
        trailer
    }
}

impl Write for BlockWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend(bytes.iter().take(count));
        if self.block.len() == BLOCK {
            self.close_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// CRC-32, as 32 bits in a field for 1024.
fn checksum(crc: u32) -> Vec<u8> {
    let mut field = [2u32.to_be_bytes(), 32u32.to_be_bytes(), crc.to_be_bytes()].concat();
    field.resize(8 + 128, 0);
    field
}

const fn kind(coding: Coding) -> u32 {
    match coding {
        Coding::Unused => 2,
        Coding::Zero => 0,
        Coding::Raw => 1,
        Coding::Adc => 0x8000_0004,
        Coding::Zlib => 0x8000_0005,
        Coding::Bzip2 => 0x8000_0006,
        Coding::Lzfse => 0x8000_0007,
        Coding::Lzma => 0x8000_0008,
    }
}

fn encode(coding: Coding, block: &[u8]) -> io::Result<Vec<u8>> {
    match coding {
        Coding::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(block)?;
            encoder.finish()
        }
        Coding::Bzip2 => {
            let mut encoder = BzEncoder::new(Vec::new(), BzLevel::default());
            encoder.write_all(block)?;
            encoder.finish()
        }
        Coding::Lzma => {
            let mut encoder = XzWriter::new(Vec::new(), XzOptions::with_preset(6))?;
            encoder.write_all(block)?;
            encoder.finish()
        }
        Coding::Lzfse => {
            let mut stored = Vec::new();
            lzfse_rust::encode_bytes(block, &mut stored).map_err(io::Error::other)?;
            Ok(stored)
        }
        Coding::Raw => Ok(block.to_vec()),
        Coding::Unused | Coding::Zero | Coding::Adc => {
            Err(io::Error::other("blocks are not written in this form"))
        }
    }
}
