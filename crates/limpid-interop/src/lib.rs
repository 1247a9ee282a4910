//! Safetensors files with PyTorch's names, and other formats of the field
