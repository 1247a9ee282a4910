//! Tables, images, typed splits and loaders, with small classics embedded
