//! Encrypting and decrypting records, for any AEAD with a nonce of 12 bytes and a tag of 16.

use std::marker::PhantomData;

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadCore, AeadInOut, KeyInit};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
    make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

const TAG: usize = 16;
const NONCE: usize = 12;
/// A record's plain text (RFC 5246 §6.2.1).
const PLAIN_MAX: usize = 1 << 14;

/// What both ciphers are.
pub(super) trait Aead:
    AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static
{
}
impl<A> Aead for A where
    A: AeadInOut + AeadCore<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static
{
}

/// A cipher, for TLS 1.3 and for TLS 1.2.
pub(super) struct Cipher<A> {
    /// How many bytes of the nonce TLS 1.2 sends with each record: 8 for AES-GCM (RFC 5288), none for ChaCha20 (RFC 7905).
    explicit: usize,
    aead: PhantomData<fn() -> A>,
}

impl<A: Aead> Cipher<A> {
    pub(super) const fn new(explicit: usize) -> Cipher<A> {
        Cipher {
            explicit,
            aead: PhantomData,
        }
    }
}

/// A cipher with its key.
struct Keyed<A>(Option<A>);

impl<A: Aead> Keyed<A> {
    fn new(key: &AeadKey) -> Keyed<A> {
        let key = key.as_ref().get(..A::key_size());
        Keyed(key.and_then(|it| A::new_from_slice(it).ok()))
    }

    /// Encrypts what stands in `payload` from `start` on, and puts the tag behind it.
    fn seal(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        payload: &mut PrefixedPayload,
        start: usize,
    ) -> Result<(), Error> {
        let aead = self.0.as_ref().ok_or(Error::EncryptError)?;
        let text = payload
            .as_mut()
            .get_mut(start..)
            .ok_or(Error::EncryptError)?;
        let tag = aead
            .encrypt_inout_detached(&nonce.into(), aad, text.into())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);
        Ok(())
    }

    /// Decrypts a text with its tag behind it; how long it is then.
    fn open(&self, nonce: [u8; NONCE], aad: &[u8], sealed: &mut [u8]) -> Result<usize, Error> {
        let aead = self.0.as_ref().ok_or(Error::DecryptError)?;
        let (text, tag) = sealed
            .split_last_chunk_mut::<TAG>()
            .ok_or(Error::DecryptError)?;
        let len = text.len();
        aead.decrypt_inout_detached(&nonce.into(), aad, text.into(), &(*tag).into())
            .map_err(|_| Error::DecryptError)?;
        Ok(len)
    }
}

// --- TLS 1.3 ----------------------------------------------------------------------------------------------------------------------

impl<A: Aead> Tls13AeadAlgorithm for Cipher<A> {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Tls13(Keyed::<A>::new(&key), iv))
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Tls13(Keyed::<A>::new(&key), iv))
    }

    fn key_len(&self) -> usize {
        A::key_size()
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Tls13<A>(Keyed<A>, Iv);

impl<A: Aead> MessageEncrypter for Tls13<A> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let len = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(len);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&[message.typ.into()]);
        let nonce = Nonce::new(&self.1, seq).0;
        self.0.seal(nonce, &make_tls13_aad(len), &mut payload, 0)?;
        // What it really is stands inside (RFC 8446 §5.2).
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        len + 1 + TAG
    }
}

impl<A: Aead> MessageDecrypter for Tls13<A> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let aad = make_tls13_aad(payload.len());
        let len = self.0.open(Nonce::new(&self.1, seq).0, &aad, payload)?;
        payload.truncate(len);
        message.into_tls13_unpadded_message()
    }
}

// --- TLS 1.2 ----------------------------------------------------------------------------------------------------------------------

impl<A: Aead> Tls12AeadAlgorithm for Cipher<A> {
    fn encrypter(&self, key: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        let mut whole = [0; NONCE];
        for (to, from) in whole.iter_mut().zip(iv.iter().chain(extra)) {
            *to = *from;
        }
        Box::new(Tls12 {
            keyed: Keyed::<A>::new(&key),
            iv: Iv::new(whole),
            fixed: whole,
            explicit: self.explicit,
        })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        let mut fixed = [0; NONCE];
        for (to, from) in fixed.iter_mut().zip(iv) {
            *to = *from;
        }
        Box::new(Tls12 {
            keyed: Keyed::<A>::new(&key),
            iv: Iv::new(fixed),
            fixed,
            explicit: self.explicit,
        })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: A::key_size(),
            fixed_iv_len: NONCE - self.explicit,
            explicit_nonce_len: self.explicit,
        }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Tls12<A> {
    keyed: Keyed<A>,
    iv: Iv,
    /// The part of the nonce that no record carries, at the front.
    fixed: [u8; NONCE],
    explicit: usize,
}

impl<A: Aead> MessageEncrypter for Tls12<A> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(plain));
        let nonce = Nonce::new(&self.iv, seq).0;
        let (_, sent) = nonce.split_at(NONCE - self.explicit);
        payload.extend_from_slice(sent);
        payload.extend_from_chunks(&message.payload);
        let aad = make_tls12_aad(seq, message.typ, message.version, plain);
        self.keyed.seal(nonce, &aad, &mut payload, self.explicit)?;
        Ok(OutboundOpaqueMessage::new(
            message.typ,
            message.version,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, len: usize) -> usize {
        self.explicit + len + TAG
    }
}

impl<A: Aead> MessageDecrypter for Tls12<A> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let (kind, version) = (message.typ, message.version);
        let payload = &mut message.payload;
        let Some(plain) = payload.len().checked_sub(self.explicit + TAG) else {
            return Err(Error::DecryptError);
        };
        let (sent, sealed) = payload.split_at_mut(self.explicit);
        let nonce = if self.explicit == 0 {
            Nonce::new(&self.iv, seq).0
        } else {
            let mut nonce = self.fixed;
            nonce[NONCE - self.explicit..].copy_from_slice(sent);
            nonce
        };
        let aad = make_tls12_aad(seq, kind, version, plain);
        self.keyed.open(nonce, &aad, sealed)?;
        if plain > PLAIN_MAX {
            return Err(Error::PeerSentOversizedRecord);
        }
        payload.copy_within(self.explicit..self.explicit + plain, 0);
        payload.truncate(plain);
        Ok(message.into_plain_message())
    }
}
