//! The protocol between TCP and the program.

/// What stands between TCP and the program ("upper layer protocol").
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UpperLayer {
    /// Its name: `tls`, `mptcp`, `espintcp`.
    pub name: Option<Box<str>>,
    /// Encryption by the kernel.
    pub tls: Option<Tls>,
    /// This socket is one path of an MPTCP connection.
    pub mptcp: Option<MptcpSubflow>,
}

/// TLS in the kernel. Keys are never reported.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tls {
    /// The version as it stands in a TLS record: 0x0303 is 1.2, 0x0304 is 1.3.
    pub version: Option<u16>,
    /// The cipher.
    pub cipher: Option<TlsCipher>,
    /// Who encrypts what is sent.
    pub tx: Option<TlsCrypto>,
    /// Who decrypts what is received.
    pub rx: Option<TlsCrypto>,
}

/// `TLS_CIPHER_*` of `linux/tls.h`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it")]
pub enum TlsCipher {
    AesGcm128,
    AesGcm256,
    AesCcm128,
    Chacha20Poly1305,
    Sm4Gcm,
    Sm4Ccm,
    AriaGcm128,
    AriaGcm256,
    /// One that this library does not know, by its number.
    Other(u16),
}

impl TlsCipher {
    /// The name as `ss` has it, such as `aes-gcm-128`; `unknown` for others.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AesGcm128 => "aes-gcm-128",
            Self::AesGcm256 => "aes-gcm-256",
            Self::AesCcm128 => "aes-ccm-128",
            Self::Chacha20Poly1305 => "chacha20-poly1305",
            Self::Sm4Gcm => "sm4-gcm",
            Self::Sm4Ccm => "sm4-ccm",
            Self::AriaGcm128 => "aria-gcm-128",
            Self::AriaGcm256 => "aria-gcm-256",
            Self::Other(_) => "unknown",
        }
    }
}

/// Who does the work of TLS in one direction: `TLS_CONF_*`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsCrypto {
    /// Neither side yet: no key was given.
    Base,
    /// The kernel.
    Software,
    /// The network device.
    Device,
    /// The network device, whole records.
    DeviceRecord,
    /// Something that this library does not know.
    Unknown,
}

impl TlsCrypto {
    /// The stable, machine-readable name, such as `software`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "none",
            Self::Software => "software",
            Self::Device => "device",
            Self::DeviceRecord => "device_record",
            Self::Unknown => "unknown",
        }
    }
}

/// One path of an MPTCP connection.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MptcpSubflow {
    /// The number of the peer's address in the connection; 0 is that of the first path.
    pub remote_id: Option<u8>,
    /// The id of the local address.
    pub local_id: Option<u8>,
    /// `MPTCP_SUBFLOW_FLAG_*` of `linux/mptcp.h`, bit by bit.
    pub flags: Option<u32>,
}
