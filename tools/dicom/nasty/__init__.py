"""Odd, broken and hostile DICOM files for the folder source; run as a module."""
