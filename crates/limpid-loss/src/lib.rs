//! Losses that know what an uninformed model would score
