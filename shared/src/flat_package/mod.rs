//! Apple flat packages, read and written over `Read + Seek` (P38–P42).
